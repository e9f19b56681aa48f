"""All lint rules, in the order of their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile.lint import (
    answers,
    arguments,
    contradictions,
    form,
    loading,
    openings,
    repetitions,
)

if TYPE_CHECKING:
    from profile_smoke.profile.lint.interface import Rule

RULES: tuple[Rule, ...] = (
    *form.RULES,
    *repetitions.RULES,
    *contradictions.RULES,
    *arguments.RULES,
    *loading.RULES,
    *answers.RULES,
    *openings.RULES,
)
BY_ID = {rule.id: rule for rule in RULES}
