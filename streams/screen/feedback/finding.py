"""What a report says of one recipient, before anyone has judged it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Finding:
    """Everything the rules look at. Texts are as they stand in the report; the classifier folds case and blanks."""

    recipient: str = ""
    action: str = ""
    """RFC 3464 2.3.3: failed, delayed, delivered, relayed, expanded; "" where the report has no such field."""
    status: str = ""
    """Enhanced status code (RFC 3463), the most telling one of the field and of the text."""
    reply: str = ""
    """SMTP reply code, three digits."""
    command: str = ""
    """What the remote host refused: CONN, EHLO, AUTH, MAIL, RCPT or DATA; "" where it is not told."""
    text: str = ""
    """What the remote host, or the MTA that gave up, said."""
    kind: str = "smtp"
    """Type of the diagnostic code, lower case: smtp, x-unix, x-postfix, …"""
    host: str = ""
    """Who refused it (Remote-MTA)."""
    reporter: str = ""
    """Who wrote the report (Reporting-MTA, or the domain it came from)."""
    notice: str = ""
    """The words for people around it, the report's own subject and sender first."""

    @property
    def domain(self) -> str:
        """The recipient's domain, lower case."""
        return self.recipient.rpartition("@")[2].lower()
