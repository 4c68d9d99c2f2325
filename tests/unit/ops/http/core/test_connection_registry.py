"""Which connection makes room at a limit."""

from dataclasses import dataclass

from ops.http.core.connection_registry import Admission, ConnectionRegistry


@dataclass(eq=False)
class Client:
    is_waiting: bool = True
    is_closed: bool = False

    def force_close(self) -> None:
        self.is_closed = True


def test_the_connection_that_waited_longest_makes_room():
    registry, clients = ConnectionRegistry(100, 3), [Client() for _ in range(5)]
    assert {registry.add(client, "a") for client in clients} == {Admission.ACCEPTED}
    assert [client.is_closed for client in clients] == [True, True, False, False, False]
    assert registry.count == 3


def test_a_connection_at_work_stays():
    registry, clients = ConnectionRegistry(100, 2), [Client(is_waiting=False), Client(), Client()]
    assert {registry.add(client, "a") for client in clients} == {Admission.ACCEPTED}
    assert [client.is_closed for client in clients] == [False, True, False]


def test_a_client_whose_connections_are_all_at_work_is_refused():
    registry = ConnectionRegistry(100, 2)
    for _ in range(2):
        registry.add(Client(is_waiting=False), "a")
    assert registry.add(Client(), "a") is Admission.TOO_MANY_OF_CLIENT
    assert registry.add(Client(), "b") is Admission.ACCEPTED


def test_a_whole_request_moves_a_connection_behind_the_others():
    registry, first, second = ConnectionRegistry(100, 2), Client(), Client()
    registry.add(first, "a")
    registry.add(second, "a")
    registry.refresh(first, "a")
    registry.add(Client(), "a")
    assert (first.is_closed, second.is_closed) == (False, True)


def test_in_total_the_client_with_most_connections_makes_room():
    registry, honest, many = ConnectionRegistry(5, None), Client(), [Client() for _ in range(4)]
    registry.add(honest, "honest")
    for client in many:
        registry.add(client, "many")
    assert registry.add(Client(), "other") is Admission.ACCEPTED
    assert (honest.is_closed, many[0].is_closed) == (False, True)


def test_in_total_a_connection_is_refused_while_all_are_at_work():
    registry = ConnectionRegistry(2, None)
    for network in "ab":
        registry.add(Client(is_waiting=False), network)
    assert registry.add(Client(), "c") is Admission.TOO_MANY


def test_a_connection_is_removed_once():
    registry, client = ConnectionRegistry(100, 2), Client()
    registry.add(client, "a")
    for _ in range(2):
        registry.remove(client, "a")
        registry.refresh(client, "a")
    assert registry.count == 0
    assert not registry._by_network
