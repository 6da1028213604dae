"""The report: one HTML file with everything on the boards, which works offline and contains its data."""
