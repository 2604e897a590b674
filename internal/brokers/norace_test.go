package brokers

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/brokertest"
)

// volumes are the stories of many messages. With the race detector they take six times as long
// and show no races but those that the others show.
var volumes = []string{"TestAQueueBehindAMeshLosesAndRepeatsNothing", "TestTenThousandKeysOverThreeBrokers", "TestAFullQueueComesInOrderAndWhole"}

// volume skips a story of many messages where TestVolumes runs it.
func volume(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("TestVolumes runs it without the race detector")
	}
}

// TestVolumes runs them in a test binary, and with routers, that are built without the race
// detector.
func TestVolumes(t *testing.T) {
	if !raceEnabled {
		t.Skip("they run by themselves")
	}
	brokertest.NeedRabbit(t)
	lookAtSources(t)
	path := filepath.Join(folder, "volume.test")
	if out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	p, err := brokertest.StartProcess("volumes", exec.Command(path, "-test.v", "-test.run", "^("+strings.Join(volumes, "|")+")$"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	ok := p.Wait()
	said := p.Tail(1000)
	for _, name := range volumes {
		if !ok || !strings.Contains(said, "--- PASS: "+name) {
			t.Fatalf("without the race detector:\n%s", said)
		}
	}
}
