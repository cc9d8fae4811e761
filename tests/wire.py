"""What a kernel has to a notebook, without either: messages go where the test says, and come from it."""

import comm
from comm.base_comm import BaseComm


class Wire(BaseComm):
    """One end of it; what is sent is kept, [(kind, data, buffers)]."""

    def __init__(self, *arguments, **keys):
        self.sent = []
        super().__init__(*arguments, **keys)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.sent.append((msg_type, data, buffers or []))

    def hear(self, **data):
        """A message of the notebook's side: method="custom", content=…, or method="update", state=…"""
        self.handle_msg({"content": {"data": {"buffer_paths": [], **data}}, "buffers": []})


def lay(monkeypatch):
    """Have widgets get such wires."""
    monkeypatch.setattr(comm, "create_comm", Wire)
