//! Naive scalar twins of the kernels: what each computes, in the order it is computed.
