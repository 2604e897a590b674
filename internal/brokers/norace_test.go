package brokers

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/meshway/meshway/internal/brokertest"
)

// withoutRaceDetector runs the test again in a test binary, and with routers, that are built
// without the race detector, and says whether it did: it is for volumes, which take six times as
// long with it and show no other races than small ones do.
func withoutRaceDetector(t *testing.T) bool {
	t.Helper()
	if !raceEnabled {
		return false
	}
	lookAtSources(t)
	path := filepath.Join(folder, "volume.test")
	if out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	brokertest.NeedRabbit(t)
	p, err := brokertest.StartProcess(t.Name(), exec.Command(path, "-test.run", "^"+t.Name()+"$", "-test.v"))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Wait() {
		t.Errorf("without the race detector:\n%s", p.Tail(1000))
	}
	return true
}
