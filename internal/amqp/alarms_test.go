package amqp

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// bell is looked at by an alarm.
type bell func()

func (b bell) onTimer() { b() }

// Alarms are set, set anew and stopped in any order: each that is still to come rings once, when it is
// due or a grain later, and no other does.
func TestAlarmsRingWhenTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, steps, longest = 300, 3000, 400 * time.Millisecond
		random := rand.New(rand.NewPCG(1, 2))
		var set alarms
		var list [many]*alarm
		var due [many]int64 // 0 is never
		rang := 0
		ring := func(i int) {
			rang++
			if late := now() - due[i]; due[i] == 0 || late < 0 || late > int64(alarmGrain) {
				t.Errorf("alarm %d rings %v after it was due, at %d (0 is never)", i, time.Duration(late), due[i])
			}
			due[i] = 0
		}
		for range steps {
			i := random.IntN(many)
			d := time.Duration(random.Int64N(int64(longest)))
			switch was := due[i] != 0; {
			case random.IntN(4) == 0 && list[i] != nil:
				if list[i].Stop() != was {
					t.Errorf("alarm %d was stopped in time: %v, want %v", i, !was, was)
				}
				due[i] = 0
			case list[i] == nil:
				due[i] = now() + int64(d)
				list[i] = set.after(d, bell(func() { ring(i) }))
			default:
				due[i] = now() + int64(d)
				if list[i].Reset(d) != was {
					t.Errorf("alarm %d was still to come: %v, want %v", i, !was, was)
				}
			}
			time.Sleep(time.Duration(random.Int64N(int64(4 * time.Millisecond))))
			synctest.Wait()
		}
		time.Sleep(longest + alarmGrain)
		synctest.Wait()
		for i, at := range due {
			if at != 0 {
				t.Errorf("alarm %d never rang, it was due at %d and now it is %d", i, at, now())
			}
		}
		if rang < steps/10 {
			t.Errorf("only %d alarms rang in %d steps: this proves little", rang, steps)
		}
	})
}

// Each look sets the next one, also while others ring.
func TestAnAlarmSetWhileItRingsRingsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, times = 10 * time.Millisecond, 50
		var set alarms
		var list [3]*alarm
		var rang [3]int
		for i := range list {
			list[i] = set.after(time.Hour, bell(func() {
				if rang[i]++; rang[i] < times {
					list[i].Reset(every)
				}
			}))
		}
		for _, a := range list {
			a.Reset(every)
		}
		time.Sleep(times * (every + alarmGrain))
		synctest.Wait()
		for i, n := range rang {
			if n != times {
				t.Errorf("alarm %d rang %d times, want %d", i, n, times)
			}
		}
	})
}

// Very many alarms that are due at once are no reason for very many goroutines.
func TestAlarmsRingOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set alarms
		ringing, rang := 0, 0 // not guarded: the race detector looks on
		ring := func() {
			if ringing++; ringing > 1 {
				t.Errorf("%d alarms ring at once, want one", ringing)
			}
			time.Sleep(time.Millisecond) // the next one's time has come meanwhile
			set.ring()                   // as by a timer that had fired when it was set anew
			ringing--
			rang++
		}
		for range 500 {
			set.after(time.Second, bell(func() {
				set.after(0, bell(ring))
				ring()
			}))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if rang != 1000 {
			t.Errorf("%d alarms rang, want all 1000", rang)
		}
	})
}

// Those of connections that are gone leave no room behind.
func TestAlarmsThatWereVeryManyGiveBackTheirRoom(t *testing.T) {
	for _, way := range []string{"stopped", "rung"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var set alarms
				var list []*alarm
				for range 10_000 {
					list = append(list, set.after(time.Second, bell(func() {})))
				}
				if way == "stopped" {
					for _, a := range list {
						a.Stop()
					}
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(set.heap) > 0 || cap(set.heap) > fewAlarms {
					t.Errorf("%d alarms are left, and room for %d: want none, and %d at most", len(set.heap), cap(set.heap), fewAlarms)
				}
			})
		})
	}
}

// Each connection sets its alarm again and again.
func TestAnAlarmThatIsSetAgainCostsNoObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set alarms
		a := set.after(2*time.Hour, new(bell))
		for range 100 {
			set.after(time.Hour, new(bell))
		}
		if n := testing.AllocsPerRun(1000, func() {
			a.Stop()
			a.Reset(time.Minute)
		}); n > 0 {
			t.Errorf("%v objects each time, want none", n)
		}
		set.timer.Stop()
	})
}
