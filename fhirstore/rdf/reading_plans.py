"""How each predicate is read: the element tables turned round, from predicates to JSON properties."""

from __future__ import annotations

from fhirstore.definitions import Definitions
from fhirstore.rdf import values
from fhirstore.rdf.plans import Form, Kind, Plans, Step
from fhirstore.rdf.values import FromLiteral
from fhirstore.rdf.vocabulary import FHIR


class ReadingStep:
    """What stands under a predicate. `order` is the place among the elements of the type, in which JSON has them.

    Where the predicate does not say which type `[x]` takes (R5), `choices` are the steps by type. Where it says that there
    are modifier extensions (R5), `whole` is the step of the element itself.
    """

    __slots__ = ("choices", "kind", "name", "order", "plan", "shadow", "type", "value", "whole")

    def __init__(self, step: Step, order: int, kind: int | None = None) -> None:
        self.name = step.name
        self.shadow = step.shadow
        self.kind = step.kind if kind is None else kind
        self.type = step.type
        self.order = order
        self.value: FromLiteral = values.for_type(step.type)
        self.plan: ReadingPlan | None = None
        self.choices: dict[str, ReadingStep] = {}
        self.whole: ReadingStep = self


class ReadingPlan:
    """By predicate, and the places of the properties."""

    __slots__ = ("order", "steps")

    def __init__(self) -> None:
        self.steps: dict[str, ReadingStep] = {}
        self.order: dict[str, int] = {"resourceType": -1}


class ReadingPlans:
    """The plans of one release, made when they are first needed."""

    def __init__(self, definitions: Definitions, form: Form) -> None:
        self.resource_types = definitions.resource_types
        self._form = form
        self._plans = Plans(definitions, form)
        self._made: dict[str, ReadingPlan] = {}

    def of(self, path: str) -> ReadingPlan:
        return self._made.get(path) or self._made.setdefault(path, self._turned(path))

    def below(self, step: ReadingStep) -> ReadingPlan:
        plan = step.plan = self.of(step.type)
        return plan

    def _turned(self, path: str) -> ReadingPlan:
        plan = ReadingPlan()
        for order, step in enumerate(self._plans.of(path).values()):
            if step.kind in (Kind.SHADOW, Kind.NOTHING):
                continue
            plan.order[step.name] = plan.order[step.shadow] = order
            self._add(plan, step, order)
        return plan

    def _add(self, plan: ReadingPlan, step: Step, order: int) -> None:
        reading = ReadingStep(step, order)
        if step.choice and self._form.has_bare_names:
            choice = plan.steps.setdefault(
                FHIR + step.predicate, ReadingStep(step, order, Kind.CHOICE)
            )
            choice.name = step.predicate
            choice.choices[step.choice] = reading
            reading = choice
        else:
            plan.steps[FHIR + step.predicate] = reading
        if self._form.has_bare_names and step.kind in (Kind.NODE, Kind.NODES):
            modified = ReadingStep(step, order, Kind.MODIFIED)
            modified.name, modified.whole = reading.name, reading
            plan.steps[f"{FHIR}_{step.predicate}"] = modified
