package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The numbers of the NBD protocol, by the names of its specification.
const (
	nbdMagic       = 0x4e42444d41474943 // "NBDMAGIC"
	optionMagic    = 0x49484156454f5054 // "IHAVEOPT"
	optionReply    = 0x0003e889045565a9
	requestMagic   = 0x25609513
	replyMagic     = 0x67446698
	flagFixed      = 1 << 0 // of the server and of the client: fixed newstyle
	flagNoZeroes   = 1 << 1
	optExportName  = 1
	optAbort       = 2
	optInfo        = 6
	optGo          = 7
	repAck         = 1
	repInfo        = 3
	repErrUnsup    = 1<<31 + 1
	infoExport     = 0
	transmitHas    = 1 << 0
	transmitFlush  = 1 << 2
	transmitFUA    = 1 << 3
	transmitTrim   = 1 << 5
	transmitZeroes = 1 << 6
	cmdRead        = 0
	cmdWrite       = 1
	cmdDisconnect  = 2
	cmdFlush       = 3
	cmdTrim        = 4
	cmdZeroes      = 6
	commandFUA     = 1 << 0
	nbdEIO         = 5
	nbdEINVAL      = 22
	nbdENOSPC      = 28
)

// transmit are the properties of every disk.
const transmit = transmitHas | transmitFlush | transmitFUA | transmitTrim | transmitZeroes

// Limits of what is accepted, in bytes.
const (
	maxOption  = 4096
	maxRequest = 64 << 20
)

// errProtocol is returned when the other side does not speak NBD.
var errProtocol = errors.New("disk: not the NBD protocol")

// greet agrees with a client on the one disk that there is, whatever its name. It fails with io.EOF when the client wants
// nothing more.
func greet(conn io.ReadWriter, size int64) error {
	if err := put(conn, uint64(nbdMagic), uint64(optionMagic), uint16(flagFixed|flagNoZeroes)); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(conn, binary.BigEndian, &flags); err != nil {
		return err
	}
	for {
		var option struct {
			Magic          uint64
			Option, Length uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &option); err != nil {
			return err
		}
		if option.Magic != optionMagic || option.Length > maxOption {
			return fmt.Errorf("%w: option %+v", errProtocol, option)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(option.Length)); err != nil { // the disk's name, and what to tell about it
			return err
		}
		reply := func(kind, length uint32, info ...any) error {
			return put(conn, append([]any{uint64(optionReply), option.Option, kind, length}, info...)...)
		}
		var err error
		switch option.Option {
		case optExportName:
			err = put(conn, uint64(size), uint16(transmit))
			if err == nil && flags&flagNoZeroes == 0 {
				_, err = conn.Write(make([]byte, 124))
			}
			return err
		case optInfo, optGo:
			err = reply(repInfo, 12, uint16(infoExport), uint64(size), uint16(transmit))
			if err == nil {
				err = reply(repAck, 0)
			}
			if err == nil && option.Option == optGo {
				return nil
			}
		case optAbort:
			return errors.Join(reply(repAck, 0), io.EOF)
		default:
			err = reply(repErrUnsup, 0)
		}
		if err != nil {
			return err
		}
	}
}

// put writes values in the protocol's order of bytes, all at once.
func put(w io.Writer, values ...any) error {
	var b []byte
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.BigEndian, v); err != nil {
			panic("disk: " + err.Error()) // only plain numbers are put
		}
	}
	_, err := w.Write(b)
	return err
}

// request is one operation of a client.
type request struct {
	Magic  uint32
	Flags  uint16
	Kind   uint16
	Cookie uint64
	Offset uint64
	Length uint32
}

// requestSize is the length of a request's header in bytes.
const requestSize = 28

// parseRequest decodes a header.
func parseRequest(b []byte) (r request, err error) {
	if _, err := binary.Decode(b, binary.BigEndian, &r); err != nil {
		return r, fmt.Errorf("%w: %v", errProtocol, err)
	}
	if r.Magic != requestMagic {
		return r, fmt.Errorf("%w: a request begins with %#x", errProtocol, r.Magic)
	}
	if r.Length > maxRequest && (r.Kind == cmdRead || r.Kind == cmdWrite) {
		return r, fmt.Errorf("%w: a request of %d bytes", errProtocol, r.Length)
	}
	return r, nil
}
