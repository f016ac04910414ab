package probe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
)

// patience bounds an answer of a probe.
const patience = time.Minute

// Ask sends a line to the probe that listens on socket and returns its answer.
func Ask(socket, line string) (string, error) {
	c, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// AskState returns the state of the program whose probe listens on socket.
func AskState(socket string) (s State, err error) {
	answer, err := Ask(socket, "state")
	if err == nil {
		err = json.Unmarshal([]byte(answer), &s)
	}
	return s, err
}
