"""K-NEXUS: which classes a data set keeps (the paper's section 3.1 and appendix B.1)."""
