%% What `recovery` measures, in Erlang/OTP.
-module(recovery).
-behaviour(supervisor).
-export([main/1, init/1, start_child/1]).

main([Bench, Children, Crashes]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    Micros = run(Bench, list_to_integer(Children), list_to_integer(Crashes)),
    io:format("~w~n", [Micros]),
    halt().

init(Bench) ->
    Flags = #{strategy => simple_one_for_one, intensity => 1000000000, period => 1000000},
    {ok, {Flags, [#{id => child, start => {?MODULE, start_child, [Bench]}, shutdown => brutal_kill}]}}.

start_child(Bench) ->
    {ok, spawn_link(fun() -> Bench ! {up, self()}, receive crash -> exit(crash) end end)}.

%% All children crash at once; the time until as many are up again.
run("recover", Children, _) ->
    Pids = start(Children),
    time(fun() -> [Pid ! crash || Pid <- Pids], up(Children, []) end);
%% One child crashes, and again as soon as it is up. The window holds `Children` restarts before.
run("restart_cycles", History, Crashes) ->
    [Pid] = start(1),
    Next = cycle(Pid, History),
    time(fun() -> cycle(Next, Crashes) end).

start(Children) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, self()),
    [{ok, _} = supervisor:start_child(Supervisor, []) || _ <- lists:seq(1, Children)],
    up(Children, []).

up(0, Pids) -> Pids;
up(N, Pids) -> receive {up, Pid} -> up(N - 1, [Pid | Pids]) end.

cycle(Pid, 0) -> Pid;
cycle(Pid, N) -> Pid ! crash, receive {up, Next} -> cycle(Next, N - 1) end.

time(Work) ->
    {Micros, _} = timer:tc(Work),
    Micros.
