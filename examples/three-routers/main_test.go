package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/meshway/meshway/router"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	var list []string
	for _, port := range []string{"55681", "55682", "5681", "5682", "5683"} {
		list = append(list, port, freePort(t))
	}
	var out bytes.Buffer
	d := &demo{out: &out, ports: strings.NewReplacer(list...), routers: map[string]*router.Router{}}
	if err := d.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`"order 1" came by A -> B -> C`, `"order 2" came by A -> C`, `"order 3" came by A -> B -> C`,
		`the subscriber at A got "it rains"`, `the subscriber at B got "it rains"`, `the subscriber at C got "it rains"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %s\n%s", want, out.String())
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
