package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// errKernel is returned for a kernel that is not packed in the one way that Debian packs it.
var errKernel = errors.New("kernel not understood")

// Offsets in a bzImage, from Documentation/x86/boot.rst of the kernel.
const (
	setupSectors  = 0x1f1 // 1 byte: 512-byte sectors of real-mode code after the first
	bootMagic     = 0x202 // "HdrS"
	bootVersion   = 0x206 // 2 bytes; the payload's fields are there from 2.08 on
	payloadOffset = 0x248 // 4 bytes, from the start of the protected-mode code
	payloadLength = 0x24c // 4 bytes
)

// payload returns the packed kernel inside a bzImage.
func payload(bz []byte) ([]byte, error) {
	if len(bz) < 0x250 || string(bz[bootMagic:bootMagic+4]) != "HdrS" || binary.LittleEndian.Uint16(bz[bootVersion:]) < 0x208 {
		return nil, fmt.Errorf("%w: no bzImage of boot protocol 2.08 or newer", errKernel)
	}
	start := (uint64(bz[setupSectors])+1)*512 + uint64(binary.LittleEndian.Uint32(bz[payloadOffset:]))
	length := uint64(binary.LittleEndian.Uint32(bz[payloadLength:]))
	if length < 4 || start+length > uint64(len(bz)) {
		return nil, fmt.Errorf("%w: its payload lies outside of the file", errKernel)
	}
	return bz[start : start+length-4], nil // the last four bytes are the unpacked size
}

// unpackKernel writes the ELF file inside of a bzImage to name. Emulated processors take seconds to unpack it; here
// it takes one, once. The kernel packs with a filter for x86 code that Go's libraries do not know, so xz does it.
func unpackKernel(ctx context.Context, bzImage, name string) error {
	bz, err := os.ReadFile(bzImage)
	if err != nil {
		return err
	}
	packed, err := payload(bz)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(packed, []byte("\xfd7zXZ\x00")) {
		return fmt.Errorf("%w: it is packed with something else than xz", errKernel)
	}
	program, err := exec.LookPath("xz")
	if err != nil {
		return fmt.Errorf("%w: xz; it belongs to Debian's package xz-utils", ErrTool)
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, program, "-dc")
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(packed), out, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("unpacking the kernel: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Close()
}

// unpackXen writes the hypervisor to name, as the emulator's loader wants it: not packed.
func unpackXen(packed, name string) error {
	in, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("unpacking the hypervisor: %w", err)
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, r); err != nil {
		return fmt.Errorf("unpacking the hypervisor: %w", err)
	}
	return out.Close()
}
