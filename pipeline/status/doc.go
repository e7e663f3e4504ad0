// Package status shows how the daemon is doing: a page for people, health for systemd and load balancers, metrics for
// Prometheus and a heartbeat for a dead man's switch. It listens on loopback, only ever answers GET, and changes nothing.
package status
