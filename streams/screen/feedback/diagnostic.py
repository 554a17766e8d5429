"""A diagnostic: what a report says of one recipient, before it is classified."""

from dataclasses import dataclass


@dataclass(slots=True)
class Diagnostic:
    """A diagnostic of one recipient. Texts are as in the report; the classifier evens out case and blanks."""

    recipient: str = ""
    """Address that was mailed (Original-Recipient, RFC 3464 2.3.1), where the report tells it."""
    final: str = ""
    """Address that it led to (Final-Recipient, RFC 3464 2.3.2); "" where that is the same one."""
    reached: str = ""
    """Action by which, in the same report, the message came to somebody else behind that address, an alias of several
    people; "" where it came to nobody."""
    action: str = ""
    """RFC 3464 2.3.3: failed, delayed, delivered, relayed, expanded; "" where the report has no such field."""
    status: str = ""
    """Enhanced status code (RFC 3463), the most telling one of the field and of the text."""
    reply: str = ""
    """SMTP reply code, three digits."""
    command: str = ""
    """SMTP command that the remote host refused: CONN, EHLO, AUTH, MAIL, RCPT or DATA; "" where it is not told."""
    text: str = ""
    """Words of the remote host, or of the MTA that gave up."""
    kind: str = "smtp"
    """Type of the diagnostic code, lower case: smtp, x-unix, x-postfix, …"""
    host: str = ""
    """Host that refused the message (Remote-MTA, RFC 3464 2.3.5)."""
    reporter: str = ""
    """Host that wrote the report (Reporting-MTA, RFC 3464 2.2.2), or the domain that the report came from."""
    notice: str = ""
    """The notice for people around the diagnostic, the report's own subject and sender first."""

    pending: bool = False
    """The report says that delivery goes on: no outcome yet."""

    @property
    def domain(self) -> str:
        """The recipient's domain, lower case."""
        return self.recipient.rpartition("@")[2].lower()
