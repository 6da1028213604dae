"""The data sets of digits, for problems that learned optimizers train on."""
