package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/meshway/meshway/internal/config"
)

// defaultURL is where `meshway run` listens without a configuration.
const (
	defaultURL = "amqp://127.0.0.1:5672"
	urlEnv     = "MESHWAY_URL"
)

// target is a router to connect to.
type target struct {
	address        string // host:port
	host           string // for Open
	user, password string
	login          bool // a user name was given
}

// urlFlag adds --url to the flags of a client command.
func urlFlag(flags *pflag.FlagSet, value *string) {
	flags.StringVar(value, "url", "", "router, amqp://[USER:PASSWORD@]HOST[:PORT] (default $"+urlEnv+", or "+defaultURL+")")
}

// parseTarget reads a URL; only the host must be there. No message of its
// shows a password.
func (a *app) parseTarget(flag string) (target, error) {
	text, where := flag, "--url"
	if text == "" {
		text, where = a.getenv(urlEnv), "$"+urlEnv
	}
	if text == "" {
		text = defaultURL
	}
	t, err := parseURL(text)
	if err != nil {
		return target{}, usageError{fmt.Errorf("%s: %w", where, err)}
	}
	return t, nil
}

// withoutLogin hides who logs in, and with what, from a URL that is shown.
func withoutLogin(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "amqp", text
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = "USER:PASSWORD" + rest[i:]
	}
	return scheme + "://" + rest
}

// atRouter is the flag by which another terminal gets to the same router, with a blank in front;
// empty for the default one.
func (a *app) atRouter(url string) string {
	if url == "" { // another terminal may not have it
		url = a.getenv(urlEnv)
	}
	if url == "" {
		return ""
	}
	return " --url " + shellWord(withoutLogin(url))
}

// ownCommand is a command of ours that a text names.
var ownCommand = regexp.MustCompile("(^|[ `(])meshway (run|user|config|get|log|topology)\\b")

// typed makes commands in a text what this user would type: the program is called as it was, and
// flags are added behind the command.
func (a *app) typed(text, flags string) string {
	return ownCommand.ReplaceAllStringFunc(text, func(found string) string {
		before, command, _ := strings.Cut(found, "meshway ")
		return before + a.name + " " + command + flags
	})
}

// shellWord quotes a word that a shell would take apart.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,=", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		// What a terminal would not show, or act upon, in the way of bash and zsh.
		quoted := strconv.Quote(s)
		return "$'" + strings.NewReplacer(`\"`, `"`, "'", `\'`).Replace(quoted[1:len(quoted)-1]) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// afterLogin is what of a URL comes behind the name and password, and before a path.
func afterLogin(text string) string {
	_, rest, _ := strings.Cut(text, "://")
	rest = rest[strings.LastIndex(rest, "@")+1:]
	rest, _, _ = strings.Cut(rest, "/")
	return rest
}

func parseURL(text string) (target, error) {
	if !strings.Contains(text, "://") {
		text = "amqp://" + text
	}
	if ip, err := netip.ParseAddr(afterLogin(text)); err == nil && ip.Is6() {
		return target{}, fmt.Errorf("an IPv6 address stands in brackets: amqp://[%s]", ip)
	}
	u, err := url.Parse(text)
	if _, port, _ := net.SplitHostPort(afterLogin(text)); err != nil && port != "" && strings.Trim(port, "0123456789") != "" {
		return target{}, errors.New("its port is no number") // or a password without a host
	}
	// The error of url.Parse repeats the text, and so the password.
	if err != nil || u.Host == "" && strings.Contains(text, "@") {
		return target{}, errors.New("not of the form amqp://[USER:PASSWORD@]HOST[:PORT]; escape special characters in name and password, such as %40 for @")
	}
	switch {
	case u.Scheme == "amqps":
		return target{}, errors.New("amqps: TLS is not built yet; use amqp")
	case u.Scheme != "amqp":
		return target{}, fmt.Errorf("the scheme %q is not known; use amqp", u.Scheme)
	case u.Hostname() == "":
		return target{}, errors.New("there is no host in it")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return target{}, errors.New("nothing may follow host and port; the address is an argument of its own")
	}
	port := u.Port()
	if port == "" {
		port = "amqp"
	}
	number, err := config.PortNumber(port)
	if err != nil || number == 0 {
		return target{}, fmt.Errorf("there is no port %q", port)
	}
	t := target{address: net.JoinHostPort(u.Hostname(), fmt.Sprint(number)), host: u.Hostname()}
	if u.User != nil {
		t.login = true
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
	}
	return t, nil
}
