"""The report: one HTML file with everything the boards know, which works offline and takes its data along."""
