package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/reports"
)

// Names of the files of a report.
const (
	PageFile        = "index.html"
	JUnitFile       = "junit.xml"
	CertificateFile = "certificate.json"
)

// Folder is a place for reports that was found to be writable.
type Folder struct{ path string }

// OpenFolder creates the folder at path, with its parents, and proves that files can be created in it, so
// that a run of minutes does not end without a report. The error says what to change.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("output folder %s cannot be created: %w; choose another one with --out", path, cause(err))
	}
	probe, err := os.CreateTemp(path, ".holdfast-*")
	if err != nil {
		return nil, fmt.Errorf("output folder %s is not writable: %w; choose another one with --out", path, cause(err))
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, fmt.Errorf("output folder %s does not keep files: %w; choose another one with --out", path, cause(err))
	}
	return &Folder{path: path}, nil
}

// Path returns where the file called name lies, or will lie.
func (f *Folder) Path(name string) string { return filepath.Join(f.path, name) }

// Write renders run in all three forms and puts them into the folder. Nothing is written unless all
// three could be rendered, and a reader never meets half a file.
func (f *Folder) Write(run *reports.Run) error {
	forms := []struct {
		name   string
		render func(io.Writer, *reports.Run) error
		text   bytes.Buffer
	}{
		{name: PageFile, render: Page},
		{name: JUnitFile, render: JUnit},
		{name: CertificateFile, render: Certificate},
	}
	for i := range forms {
		if err := forms[i].render(&forms[i].text, run); err != nil {
			return fmt.Errorf("render %s: %w", forms[i].name, err)
		}
	}
	for i := range forms {
		if err := WriteFile(f.Path(forms[i].name), forms[i].text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile puts data at path in one step: into a temporary file of the same folder, to the disk, then
// renamed. Whoever reads path sees the old content or the new one, and a failure leaves no trace.
func WriteFile(path string, data []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name()) // already failing: the first error is the one to report
			err = fmt.Errorf("write %s: %w", path, cause(err))
		}
	}()
	_, err = temp.Write(data)
	// CreateTemp makes files private; a report is for whoever may read the folder.
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// Writable reports why WriteFile could not write to path, or nil. It leaves nothing behind.
func Writable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write %s: it is a folder", path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return errors.Join(temp.Close(), os.Remove(temp.Name()))
}

// cause strips the temporary file's name from an error: it means nothing to the reader.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
