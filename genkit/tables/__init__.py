"""Tables of results: recipes against hyper-parameters and seeds, trained once and kept."""
