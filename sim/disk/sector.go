package disk

import (
	"errors"
	"fmt"
)

// SectorWords is the number of words in a sector; SectorBytes its size.
const (
	SectorWords = 8
	SectorBytes = SectorWords * 8
)

// Sector is the content of the smallest unit that is read or written, atomically.
type Sector [SectorWords]uint64

var (
	// ErrChecksum is returned by a read that touches a damaged sector; the error names it.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrRange is returned by a request that reaches beyond the end of the disk.
	ErrRange = errors.New("beyond the end of the disk")
)

// SectorError says which sector a request failed at. Sentinel errors are found with errors.Is.
type SectorError struct {
	Sector uint64
	Err    error
}

func (e *SectorError) Error() string { return fmt.Sprintf("sector %d: %v", e.Sector, e.Err) }

// Unwrap returns the sentinel error.
func (e *SectorError) Unwrap() error { return e.Err }
