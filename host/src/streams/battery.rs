//! Statistical tests of the orders.
