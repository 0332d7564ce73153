"""The wall that lets records go: policies, holds, disposal, certificates and timers."""
