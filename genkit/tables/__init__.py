"""Tables of results: recipes against hyper-parameters and seeds. Each run is trained once, and its result is kept."""
