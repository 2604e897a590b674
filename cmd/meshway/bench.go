package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/loadgen"
	"github.com/meshway/meshway/internal/sasl"
)

// benchOptions are the flags of `meshway bench`.
type benchOptions struct {
	loadgen.Options
	url    string
	from   string
	settle string
	output string
	stream byteSize
	read   byteSize
}

const (
	// benchDuration and benchWarmup hold when nothing else says how long.
	benchDuration = 10 * time.Second
	benchWarmup   = time.Second
)

func (a *app) benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench [ADDRESS]",
		Short: "Put load on a router and measure it",
		Long: `Sends messages to ADDRESS ("bench" if none is given) as fast as they are taken,
or at --rate, receives them, and prints how many went through and how long they
took. It lasts ` + benchDuration.String() + ` after a warm-up of ` + benchWarmup.String() + `, unless --duration or --count says otherwise.

Each sender and each receiver has a connection of its own. With several --pairs
each pair has an address of its own: ADDRESS/0, ADDRESS/1 and so on.

With --idle it opens connections that do nothing, holds them and closes them.
With --stream it sends one long message piece by piece.

The exit code is 0 only if nothing was lost, spoiled or out of order.`,
		Example: `  meshway bench
  meshway bench orders --size 100000 --credit 100
  meshway bench --rate 2000 --duration 60s --ledger
  meshway bench --window 1 --duration 5s
  meshway bench --senders 200 --rate 100
  meshway bench --stream 2GB --read-rate 200MB
  meshway bench --idle 10000 --pid 1234
  meshway bench --url localhost:5672 --receive-url localhost:5673 --pid 1234 --pid 1235`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Address = "bench"
			if len(args) > 0 {
				o.Address = args[0]
			}
			if o.stream == 0 && cmd.Flags().Changed("stream") {
				return usageError{errors.New("--stream 0: it must be at least 1")}
			}
			if err := o.check(); err != nil {
				return err
			}
			if err := o.checkEffect(cmd.Flags().Changed); err != nil {
				return err
			}
			timed := cmd.Flags().Changed("duration") || cmd.Flags().Changed("count")
			if !timed && o.stream == 0 {
				o.Duration = benchDuration
			}
			if !timed && o.stream == 0 && !cmd.Flags().Changed("warmup") {
				o.Warmup = benchWarmup
			}
			return a.bench(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	urlFlag(f, &o.url)
	f.StringVar(&o.from, "receive-url", "", "receive there, from another router of the mesh (default as --url)")
	f.IntVar(&o.Groups, "pairs", 1, "independent pairs of sender and receiver, each with its address")
	f.IntVar(&o.Senders, "senders", 1, "senders for each address; 0 only receives")
	f.IntVar(&o.Receivers, "receivers", 1, "receivers for each address; 0 only sends")
	f.IntVar(&o.Size, "size", 100, "bytes in the body of a message")
	f.Uint32Var(&o.Credit, "credit", 1000, "unsettled messages that a receiver takes")
	f.StringVar(&o.settle, "settle", "unsettled", "unsettled: each message is accepted; settled: send and forget")
	f.Float64Var(&o.Rate, "rate", 0, "messages a second from each sender; 0 is no limit")
	f.IntVar(&o.Window, "window", 0, "most unsettled messages of a sender; 1 sends one after the other, 0 is as many as the router takes")
	f.DurationVar(&o.Duration, "duration", 0, "measure for so long; 0 is until interrupted, or until --count (default "+benchDuration.String()+")")
	f.Uint64Var(&o.Count, "count", 0, "measure so many messages of each sender")
	f.DurationVar(&o.Warmup, "warmup", 0, "send for so long before measuring (default "+benchWarmup.String()+")")
	f.BoolVar(&o.CheckOrder, "check-order", false, "look at the sequence number of each message")
	f.BoolVar(&o.Ledger, "ledger", false, "keep account of each message, and of the longest silence at a receiver: messages that a fault keeps back are counted, and are no failure if their sender was told")
	f.IntVar(&o.SampleEvery, "sample", 0, "time each n-th message; 0 chooses, -1 times none")
	f.Var(&o.stream, "stream", "send one message of so many bytes piece by piece, such as 2GB")
	f.Var(&o.read, "read-rate", "most that each receiver reads in a second, such as 200MB")
	f.IntVar(&o.Idle, "idle", 0, "open so many connections that do nothing, with a sender and a receiver each")
	f.BoolVar(&o.OneAddress, "one-address", false, "idle connections: all on the same address")
	f.IntVar(&o.Concurrency, "concurrency", 16, "connections opened and closed at a time")
	f.DurationVar(&o.Hold, "hold", 10*time.Second, "hold idle connections for so long")
	f.DurationVar(&o.Settle, "return", 0, "after closing idle connections, wait so long for the memory of --pid to come back")
	f.IntSliceVar(&o.Watch, "pid", nil, "measure CPU and memory of this process too; may be repeated (Linux)")
	f.StringVarP(&o.output, "output", "o", "text", "text, or json: one object")
	completes(cmd, map[string][]string{"settle": {"unsettled", "settled"}, "output": {"text", "json"}})
	return cmd
}

func (o *benchOptions) check() error {
	switch {
	case o.settle != "settled" && o.settle != "unsettled":
		return usageError{fmt.Errorf("--settle %q: it must be unsettled or settled", o.settle)}
	case o.Senders == 0 && o.Receivers == 0:
		return usageError{errors.New("--senders 0 and --receivers 0: there is nothing to do")}
	case o.Credit == 0:
		return usageError{errors.New("--credit 0: a receiver without credit gets nothing")}
	case o.Window > 0 && o.settle == "settled":
		return usageError{errors.New("--window bounds unsettled messages; leave it out with --settle settled, or use --rate")}
	}
	return errors.Join(o.checkNumbers(), checkRate(o.Rate), checkOutput(o.output), checkAddress(o.Address))
}

// checkNumbers refuses numbers and times that are none for their flags.
func (o *benchOptions) checkNumbers() error {
	for _, f := range []struct {
		flag     string
		n, least int
	}{
		{"pairs", o.Groups, 1}, {"concurrency", o.Concurrency, 1}, {"senders", o.Senders, 0}, {"receivers", o.Receivers, 0},
		{"size", o.Size, 0}, {"window", o.Window, 0}, {"idle", o.Idle, 0}, {"sample", o.SampleEvery, -1},
	} {
		if f.n < f.least {
			return usageError{fmt.Errorf("--%s %d: it must be at least %d", f.flag, f.n, f.least)}
		}
	}
	for _, f := range []struct {
		flag string
		d    time.Duration
	}{
		{"duration", o.Duration}, {"warmup", o.Warmup}, {"hold", o.Hold}, {"return", o.Settle},
	} {
		if f.d < 0 {
			return usageError{fmt.Errorf("--%s %v: it must not be negative", f.flag, f.d)}
		}
	}
	return nil
}

// checkEffect refuses flags that would say nothing of what is measured.
func (o *benchOptions) checkEffect(given func(flag string) bool) error {
	for _, r := range []struct {
		fits  bool
		why   string
		flags []string
	}{
		{o.Idle > 0, "is for idle connections; give --idle too", []string{"one-address", "hold", "return"}},
		{o.Idle == 0, "says nothing of idle connections; leave it or --idle out", []string{"pairs", "senders", "receivers", "size", "settle", "rate",
			"window", "duration", "count", "warmup", "check-order", "sample", "read-rate"}},
		{o.stream == 0, "says nothing of a streamed message; leave it or --stream out", []string{"size"}},
	} {
		if i := slices.IndexFunc(r.flags, given); i >= 0 && !r.fits {
			return usageError{fmt.Errorf("--%s %s", r.flags[i], r.why)}
		}
	}
	return nil
}

func (a *app) bench(ctx context.Context, o benchOptions) error {
	t, err := a.parseTarget(o.url)
	if err != nil {
		return err
	}
	from := t
	if o.from != "" {
		if from, err = parseURL(o.from); err != nil {
			return usageError{fmt.Errorf("--receive-url: %w", err)}
		}
	}
	l := o.Options
	l.Target, l.ReceiveTarget, l.Presettled = t.address, from.address, o.settle == "settled"
	l.Stream, l.ReadRate = uint64(o.stream), float64(o.read)
	l.Login, l.ReceiveLogin = login(t), login(from)
	if err := l.Check(); err != nil {
		return usageError{err}
	}
	show := &benchShow{app: a, o: &l}
	if a.errTerm {
		l.Progress = show.progress
	}
	res, err := loadgen.Run(ctx, l)
	show.endProgress()
	if e, ok := errors.AsType[*loadgen.UnreachableError](err); ok {
		if e.Target != t.address {
			t = from
		}
		return explainDial(ctx, t, e.Err)
	}
	if res == nil {
		return interrupted(ctx, err)
	}
	var failed error
	if o.output == "json" {
		failed = a.printJSON(res)
	} else {
		failed = show.result(res)
	}
	if err != nil {
		return errors.Join(failed, err) // what is missing is what was under way
	}
	return errors.Join(failed, benchVerdict(res))
}

// login is how to prove who we are at a target; nil is ANONYMOUS.
func login(t target) sasl.ClientMechanism {
	if !t.login {
		return nil
	}
	return sasl.PlainClient{Username: t.user, Password: t.password}
}

// benchVerdict is an error when the router did not do what it must.
func benchVerdict(r *loadgen.Result) error {
	var wrong []string
	add := func(n uint64, what string) {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(r.Total.Lost, "lost")
	add(r.Total.Corrupt, "corrupt")
	add(r.Unsettled, "never settled")
	if r.Order != nil {
		add(r.Order.Reordered, "out of order")
		add(r.Order.Duplicates, "received twice")
	}
	if r.Ledger != nil && r.Order == nil {
		add(r.Ledger.Twice, "received twice")
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New("of the messages, " + strings.Join(wrong, ", "))
}

// byteSize is a flag for a number of bytes, with or without a unit.
type byteSize uint64

var byteUnits = []struct {
	name string
	size uint64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// Set reads a number such as 100, 200MB or 1.5GiB.
func (b *byteSize) Set(text string) error {
	number, unit := text, uint64(1)
	for _, u := range byteUnits {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = n, u.size
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v >= 0 && v*float64(unit) < 1<<60) { // also what is no number
		return errors.New("not a number of bytes")
	}
	*b = byteSize(v * float64(unit))
	return nil
}

func (b *byteSize) String() string { return strconv.FormatUint(uint64(*b), 10) }

// Type is the placeholder in help.
func (b *byteSize) Type() string { return "bytes" }
