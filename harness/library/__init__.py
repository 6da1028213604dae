"""What ``import harness`` offers: functions to race, confirm and score, and stores as arrays, frames and boards."""
