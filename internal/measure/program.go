package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// probed is the file that cmd/gatehouse gets besides its own.
const probed = "package main\n\nimport _ \"gatehouse/internal/bench/probe\"\n"

// Build makes the program in dir, with the probe of internal/bench/probe in it,
// and returns its path. The module is the one of the working folder.
func Build(dir string) (bin string, err error) {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	command := filepath.Join(filepath.Dir(strings.TrimSpace(string(module))), "cmd", "gatehouse")
	file, overlay, bin := filepath.Join(dir, "probed.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "gatehouse")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(command, "probed.go"): file}})
	if err := errors.Join(err, os.WriteFile(file, []byte(probed), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-overlay="+overlay, "-o", bin, ".")
	cmd.Dir = command
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
}
