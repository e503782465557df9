// Package cluster makes the data of a new PostgreSQL server as the lab's guests have it. It is made when the service's
// image is built, if that computer lets a user have a root folder of his own, and otherwise in the guest, where it takes minutes.
package cluster

import (
	"fmt"
	"os"
	"path/filepath"
)

// Programs is where PostgreSQL's are, in the service's root folder, and Template the data that came with the image, if
// it did.
const (
	Programs = "/usr/lib/postgresql/15/bin"
	Template = "/template"
)

// User is the number of the user that the server runs as.
const User = 999

// Environment is that of every program of the service.
func Environment() []string {
	return []string{"PATH=/usr/sbin:/usr/bin", "HOME=/data", "LC_ALL=C", "TZ=GMT"}
}

// table is what clients use.
const table = "CREATE TABLE registers (key text PRIMARY KEY, value text NOT NULL)\n"

// access lets every client in: the lab's networks lead nowhere else.
const access = "local all all trust\nhost all all 0.0.0.0/0 trust\n"

// Make makes the data in a folder dir that is empty or not there yet, below the service's root folder. run runs a program in that root
// folder as the server's user, with a text as its input. Nothing is synced.
func Make(root, dir string, run func(input string, args ...string) error) error {
	if err := run("", Programs+"/initdb", "-D", dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums", "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, dir, "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	if err := run(table, Programs+"/postgres", "--single", "-D", dir, "postgres"); err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	return nil
}
