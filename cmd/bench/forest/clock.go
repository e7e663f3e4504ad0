package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// timed says how long work takes on the wall and on the processor.
func timed(work func() error) (reply, error) {
	cpu, err := processor()
	if err != nil {
		return reply{}, err
	}
	start := time.Now()
	if err := work(); err != nil {
		return reply{}, err
	}
	wall := time.Since(start)
	after, err := processor()
	return reply{Seconds: wall.Seconds(), CPU: (after - cpu).Seconds()}, err
}

// growth says, beside the time, how much memory work keeps. Garbage goes back to the operating system before and after.
func growth(work func() error) (reply, error) {
	debug.FreeOSMemory()
	before, err := resident()
	if err != nil {
		return reply{}, err
	}
	took, err := timed(work)
	if err != nil {
		return reply{}, err
	}
	debug.FreeOSMemory()
	after, err := resident()
	took.Bytes = after - before
	return took, err
}

func processor() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("ask for the processor's time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// resident returns the bytes of memory that this process has, as Linux says it.
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var pages, resident int64
	if _, err := fmt.Fscan(bytes.NewReader(text), &pages, &resident); err != nil {
		return 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	return resident * int64(os.Getpagesize()), nil
}

// inParts gives each of n goroutines an equal part of the rows.
func inParts(rows, n int, work func(first, end int) error) error {
	failed := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { failed[i] = work(rows*i/n, rows*(i+1)/n) })
	}
	group.Wait()
	return errors.Join(failed...)
}
