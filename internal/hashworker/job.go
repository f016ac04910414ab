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

// maxPassword is how long a password may be, in bytes: nonsense on the pipe should not
// become memory. The costs are bounded by user.Params.
const maxPassword = 1 << 20

// errJob: what came through the pipe is no job.
var errJob = errors.New("hashworker: not a job")

// header is what a job begins with, as on the pipe.
type header struct {
	Password, Salt, Key uint32 // bytes
	Memory, Time        uint32
	Threads             uint8
}

func (h header) params() user.Params {
	return user.Params{Memory: h.Memory, Time: h.Time, Threads: h.Threads, SaltLen: h.Salt, KeyLen: h.Key}
}

// fits reports whether a worker accepts j.
func (j job) fits() bool {
	return len(j.password) <= maxPassword && len(j.salt) == int(j.params.SaltLen) && j.params.Usable()
}

func (j job) header() header {
	return header{Password: uint32(len(j.password)), Salt: j.params.SaltLen, Key: j.params.KeyLen,
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
	if h.Password > maxPassword || !h.params().Usable() {
		return job{}, errJob
	}
	rest := make([]byte, h.Salt+h.Password)
	if _, err := io.ReadFull(r, rest); err != nil {
		return job{}, err
	}
	return job{password: rest[h.Salt:], salt: rest[:h.Salt], params: h.params()}, nil
}
