"""Searches judged: which searcher finds better rules under one budget."""
