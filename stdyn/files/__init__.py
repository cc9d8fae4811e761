"""What is on the disk: the HDF5 format, the journal that makes changes whole, where results come from.

The only importers of h5py.

May import: the modules beside the wings.
"""
