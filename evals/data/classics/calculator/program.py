import re


class Calculator:
    """Evaluates + - * / and parentheses over numbers, with the usual precedence."""

    def evaluate(self, text):
        self.tokens = re.findall(r"\d+\.?\d*|[-+*/()]", text)
        return self.expression()

    def peek(self):
        return self.tokens[0] if self.tokens else None

    def take(self):
        return self.tokens.pop(0)

    def expression(self):
        value = self.term()
        while self.peek() in ("+", "-"):
            if self.take() == "+":
                value += self.term()
            else:
                value = self.term() - value
        return value

    def term(self):
        value = self.factor()
        while self.peek() in ("*", "/"):
            if self.take() == "*":
                value *= self.factor()
            else:
                value /= self.factor()
        return value

    def factor(self):
        token = self.take()
        if token == "(":
            value = self.expression()
            self.take()
            return value
        return float(token)
