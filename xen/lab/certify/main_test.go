package certify

import (
	"flag"
	"os"
	"testing"
)

// Most tests here wait for a script's clock and compute nothing, so more of them run side by side than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
