"""A client of transactions: transact.py HOST:PORT ADDRESS

It tells a story of two transactions that are committed and two that are rolled back, a line of
JSON for each step, and ends. The address must be an empty queue.
"""

import json
import sys

from proton import Message
from proton.handlers import MessagingHandler, TransactionHandler
from proton.reactor import Container


def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def waits_for(what):
    """Says on stderr what comes next: when a story stops half way, the last such line is why."""
    sys.stderr.write("waits for " + what + "\n")
    sys.stderr.flush()


class Story(MessagingHandler, TransactionHandler):
    """Each step begins with a declared transaction and ends with its discharge."""

    def __init__(self, url, address):
        super().__init__(prefetch=0, auto_accept=False)
        self.url, self.address = url, address
        self.steps = [self.send_and_commit, self.send_and_roll_back, self.take_and_roll_back, self.take_and_commit]
        self.transaction = self.step = None
        self.received = []

    def on_start(self, event):
        self.container = event.container
        self.connection = event.container.connect(self.url, allowed_mechs="ANONYMOUS", reconnect=False)
        self.sender = event.container.create_sender(self.connection, self.address)
        self.receiver = event.container.create_receiver(self.connection, self.address)
        self.waiting = 2
        waits_for("the answers to its sender and its receiver")

    def on_link_opened(self, event):
        # Transactions begin when both links are there; the coordinator's comes then.
        if event.link in (self.sender, self.receiver):
            self.waiting -= 1
            if self.waiting == 0:
                self.next()

    def next(self):
        if not self.steps:
            self.connection.close()
            return
        self.step = self.steps.pop(0)
        self.container.declare_transaction(self.connection, handler=self)
        self.waits_for("the transaction to be declared")

    def on_transaction_declared(self, event):
        self.transaction = event.transaction
        say(step=self.step.__name__, declared=True)
        self.step()

    def waits_for(self, what):
        waits_for(self.step.__name__ + ": " + what)

    def commit(self):
        self.transaction.commit()
        self.waits_for("the outcome of the commit")

    def abort(self):
        self.transaction.abort()
        self.waits_for("the outcome of the roll-back")

    def send_two(self, first):
        for n in (first, first + 1):
            self.transaction.send(self.sender, Message(body=n))

    def send_and_commit(self):
        self.send_two(1)
        self.commit()

    def send_and_roll_back(self):
        self.send_two(3)
        self.abort()

    def take_and_roll_back(self):
        self.receiver.flow(2)
        self.waits_for("two messages")

    def take_and_commit(self):
        self.receiver.flow(2)
        self.waits_for("two messages")

    def on_message(self, event):
        self.received.append(event.message.body)
        self.transaction.accept(event.delivery)
        if len(self.received) == 2:
            say(step=self.step.__name__, received=self.received)
            self.received = []
            if self.step == self.take_and_commit:
                self.commit()
            else:
                self.abort()

    def on_transaction_committed(self, event):
        say(step=self.step.__name__, committed=True)
        self.next()

    def on_transaction_aborted(self, event):
        say(step=self.step.__name__, aborted=True)
        self.next()

    def fail(self, event):
        say(failed=str(event.type), condition=str(
            event.link.remote_condition if event.link else event.connection.remote_condition if event.connection else ""))
        sys.exit(1)

    on_transaction_declare_failed = on_transaction_commit_failed = fail
    on_link_error = on_session_error = on_connection_error = on_transport_error = fail


Container(Story("amqp://" + sys.argv[1], sys.argv[2])).run()
