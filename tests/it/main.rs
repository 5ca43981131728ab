/// Files of others: what they write is read here, what is written here is read by them.
mod formats;
