"""Every sentence a person reads. Below it nothing knows a language."""
