"""What is on the disk: the HDF5 format, changes that are whole or not at all, provenance; the only importers of h5py.

May import: the modules below the wings.
"""
