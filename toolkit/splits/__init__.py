"""Lists of clips and labels of downstream data sets: read, checked, and brought into one table."""
