"""Rules as people read and write them: formulas, LaTeX, MathML, drawings, pseudocode."""
