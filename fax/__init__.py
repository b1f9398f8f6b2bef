"""The fax server: faxes that come in become PDF e-mail, and faxes that we send (mission.md chapter 5)."""
