package certify

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMade(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Drivers() {
		made, err := Made(name)
		require.NoError(t, err, "every driver has its sources")
		require.Regexp(t, fmt.Sprintf(`^%d-[0-9a-f]{16}$`, Format), made)
		require.False(t, seen[made], "drivers differ")
		seen[made] = true
	}
	_, err := Made("nobody")
	require.ErrorContains(t, err, "nobody")

	program := "package p\n\n// f does something.\nfunc f() string { return \"xl remus -F\" }\n"
	require.Equal(t, tokens([]byte(program)), tokens([]byte("package p\nfunc f() string {\n\treturn \"xl remus -F\" // why\n}\n")))
	require.NotEqual(t, tokens([]byte(program)), tokens([]byte("package p\nfunc f() string { return \"xl remus -F -n\" }\n")))
}
