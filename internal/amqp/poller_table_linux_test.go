package amqp

import "testing"

// Descriptors are used again, and may be by a newcomer before the former owner says that it goes.
func TestASocketThatGoesDoesNotTakeANewcomerAlong(t *testing.T) {
	var table socketTable
	old, newcomer := &socket{fd: 700}, &socket{fd: 700}
	table.set(old)
	table.set(newcomer)
	table.remove(old)
	if got := table.get(700); got != newcomer {
		t.Errorf("descriptor 700 belongs to %p, want the newcomer, %p", got, newcomer)
	}
	table.remove(newcomer)
	table.remove(newcomer)
	for _, fd := range []int{0, 700, 1 << 20} {
		if got := table.get(fd); got != nil {
			t.Errorf("descriptor %d belongs to %p, want nobody", fd, got)
		}
	}
}

// Many sockets come, and all but one go: there is room for few.
func TestATableOfSocketsThatHadManyGivesBackTheirRoom(t *testing.T) {
	const many, stays = 10_000, 4321
	var table socketTable
	sockets := make([]*socket, many)
	for fd := range sockets {
		sockets[fd] = &socket{fd: fd}
		table.set(sockets[fd])
	}
	for fd, s := range sockets {
		if table.get(fd) != s {
			t.Fatalf("descriptor %d belongs to %p, want %p", fd, table.get(fd), s)
		}
		if fd != stays {
			table.remove(s)
		}
	}
	if table.get(stays) != sockets[stays] {
		t.Errorf("descriptor %d, which stays, has been lost", stays)
	}
	pages := 0
	for _, p := range table.pages {
		if p != nil {
			pages++
		}
	}
	if pages != 1 {
		t.Errorf("one socket of %d is left, and %d pages of %d", many, pages, socketPageSize)
	}
}
