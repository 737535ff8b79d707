"""The data contract: ODCS YAML in, a small plan of columns and rules out."""

from tidegate.contract.compile import compile_contract
from tidegate.contract.plan import Column, Condition, ContractPlan, Rule

__all__ = ["Column", "Condition", "ContractPlan", "Rule", "compile_contract"]
