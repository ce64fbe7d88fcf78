class Account:
    """A bank account with an overdraft limit; amounts in cents."""

    def __init__(self, owner, balance=0, overdraft=0):
        self.owner = owner
        self.balance = balance
        self.overdraft = overdraft

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("deposit a positive amount")
        self.balance += amount

    def withdraw(self, amount):
        if self.balance - amount < self.overdraft:
            raise ValueError("not enough money")
        self.balance -= amount

    def transfer(self, other, amount):
        self.withdraw(amount)
        other.deposit(amount)
