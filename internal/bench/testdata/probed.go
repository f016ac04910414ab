package main

// The bench adds this file to cmd/gatehouse when it builds it.
import _ "gatehouse/internal/bench/probe"
