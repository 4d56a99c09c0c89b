"""Tables of results: rows of hyper-parameters against columns of methods, trained once and kept."""
