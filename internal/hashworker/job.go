package hashworker

import (
	"encoding/binary"
	"errors"
	"io"

	"gatehouse/internal/user"
)

// job is one hash to compute. On the pipe it is a header of numbers, the salt and the
// password; the answer is the key alone.
type job struct {
	password, salt []byte
	params         user.Params
}

// What no job has more of, so that nonsense on the pipe does not become memory.
const (
	maxPassword = 1 << 20 // bytes
	maxSalt     = 1 << 10
	maxKey      = 1 << 10
)

// errJob: what came through the pipe is no job.
var errJob = errors.New("hashworker: not a job")

// header is what a job begins with, as on the pipe.
type header struct {
	Password, Salt, Key uint32 // bytes
	Memory, Time        uint32
	Threads             uint8
}

func (h header) fits() bool {
	return h.Password <= maxPassword && h.Salt <= maxSalt && h.Key <= maxKey && h.Time > 0 && h.Threads > 0
}

func (j job) header() header {
	return header{Password: uint32(min(len(j.password), maxPassword+1)), Salt: uint32(min(len(j.salt), maxSalt+1)), Key: j.params.KeyLen,
		Memory: j.params.Memory, Time: j.params.Time, Threads: j.params.Threads}
}

// write writes j in one piece, and leaves no copy of the password.
func (j job) write(w io.Writer) error {
	h := j.header()
	size := binary.Size(h)
	all := make([]byte, size+len(j.salt)+len(j.password))
	defer clear(all)
	if _, err := binary.Encode(all, binary.LittleEndian, h); err != nil {
		return err
	}
	copy(all[size:], j.salt)
	copy(all[size+len(j.salt):], j.password)
	_, err := w.Write(all)
	return err
}

// readJob reads what write wrote. io.EOF where there is nothing more, errJob.
func readJob(r io.Reader) (job, error) {
	var h header
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return job{}, err
	}
	if !h.fits() {
		return job{}, errJob
	}
	rest := make([]byte, h.Salt+h.Password)
	if _, err := io.ReadFull(r, rest); err != nil {
		return job{}, err
	}
	return job{
		salt:     rest[:h.Salt],
		password: rest[h.Salt:],
		params:   user.Params{Memory: h.Memory, Time: h.Time, Threads: h.Threads, SaltLen: h.Salt, KeyLen: h.Key},
	}, nil
}
