# Bugs that the simulator must find: copies of machine files with one change each. A change whose text is not in its file any
# more stops the configuration, so that none is lost when the machine is rewritten.
#
# sim_bug(NAME FILE FROM TO [OPTION…]): builds sim_bug_NAME, in which FILE is changed, and the test that it breaks a rule.
function(sim_bug name file from to)
  set(path ${CMAKE_SOURCE_DIR}/src/rollout/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(READ ${path} text)
  string(FIND "${text}" "${from}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "tests/sim/bugs.cmake: '${from}' is not in ${file}")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/bug_${name}_${file})
  file(CONFIGURE OUTPUT ${copy} CONTENT "${text}" @ONLY)
  add_executable(sim_bug_${name} $<TARGET_OBJECTS:sim_world> ${copy})
  target_include_directories(sim_bug_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/rollout)
  # After the target's own -Wall, which would switch it on again.
  set_source_files_properties(${copy} PROPERTIES COMPILE_OPTIONS "-Wno-unused;-Wno-unused-parameter")
  target_link_libraries(sim_bug_${name} PRIVATE rollbook)
  target_link_options(sim_bug_${name} PRIVATE ${sim_wraps})
  add_test(NAME sim.bug.${name} COMMAND sim_bug_${name} --seeds 20000 --expect-violation ${ARGN})
  set_tests_properties(sim.bug.${name} PROPERTIES TIMEOUT 900)
endfunction()

sim_bug(put_before_intent machine_targets.c
  "g_queue_push_tail(&machine->starts, job);" "machine_go(machine, job, PHASE_PUT, machine->boot_ms);")
sim_bug(blind_repeat machine_replies.c
  "job->lost++;" "job->lost++; machine_go(machine, job, PHASE_PUT, machine->boot_ms); return;")
sim_bug(no_fence machine_claim.c
  "boot_ms - machine->fresh_boot_ms <= ROLL_FENCE_MS" "true")

sim_bug(standing_claim machine_claim.c
  "return stands(machine) && !machine->take;" "return false;")
sim_bug(believes_404_at_once machine_found.c
  "job->asked_boot_ms < job->believe_boot_ms" "false")
sim_bug(believes_an_old_404 machine_found.c
  "job->asked_boot_ms < job->believe_boot_ms" "machine->boot_ms < job->believe_boot_ms")
sim_bug(heir_does_not_wait machine_inherit.c
  "successor->blockers++;" "successor->followed++;")
sim_bug(overtaken machine_outcome.c
  "return job->rival_at >= arm_at;" "return false;")
sim_bug(no_skew machine_targets.c
  "wait + MACHINE_SKEW_MS - age" "wait - age")
sim_bug(goes_on_when_fenced machine_claim.c
  "machine_finish(machine, ROLL_END_FENCED);" "(void)0;")
sim_bug(starts_beside_a_failure machine_targets.c
  "machine->failed + machine->failing" "machine->failed")
sim_bug(last_though_again machine_outcome.c
  "return !job->again && (next" "return (next")

sim_bug(starts_unapproved machine_wait.c
  "wait->may_start = observation->healthy;" "wait->may_start = true;")
sim_bug(starts_ungated machine_wait.c
  "if (!gate->verdict || strcmp(gate->verdict, \"passed\") != 0)" "if (false)")
sim_bug(starts_on_an_old_answer machine_wait.c
  "return wait->may_start && wait->asked_head == machine->head;" "return wait->may_start;")
sim_bug(deaf_to_a_refusal machine_wait.c
  "wait->rejected || gate_not_passed(wait)" "gate_not_passed(wait)")
sim_bug(starts_early machine_wait.c
  "machine->wall_ms < wait->not_before ||" "")
sim_bug(starts_expired machine_wait.c
  "wait->expires > 0 && machine->wall_ms >= wait->expires" "false")
sim_bug(orphans_what_it_superseded machine_wait.c
  "else if (machine_count_intents(machine) > 0)" "else if (false)")
sim_bug(back_decided_once machine_append.c
  "machine_forget_back(machine);" "(void)0;")
sim_bug(stack_of_before_is_a_conflict machine_found.c
  "if (machine_is_stack(job)) {" "if (false) {")

sim_bug(delete_before_intent machine_prune.c
  "job->phase = PHASE_START;" "machine_go(machine, job, PHASE_DELETE, machine->boot_ms); return;")
sim_bug(deletes_on_an_old_intent machine_prune.c
  "job->appending ? PHASE_DELETE : PHASE_SEEK" "PHASE_DELETE")
sim_bug(still_there_at_once machine_prune.c
  "job->asked_boot_ms >= job->believe_boot_ms" "true")
sim_bug(heir_does_not_wait_for_deletions machine_inherit.c
  "if (!job->intended)" "if (!job->intended || machine_is_deletion(job))")
sim_bug(prunes_what_has_not_succeeded machine_prune.c
  "machine->counts[ROLL_TARGET_SUCCEEDED] == machine->own->n_jobs" "machine->counts[ROLL_TARGET_RUNNING] == 0")
sim_bug(absent_counts_as_deleted machine_prune.c
  "job->unsorted = strcmp(body->outcome, \"absent\") == 0;" "job->unsorted = false;")

sim_bug(begins_a_ring_in_a_freeze machine_window.c
  "if (window->open)" "if (true)")
sim_bug(forgets_rules_of_the_day machine_claim.c
  "rules_changed(machine)" "false")
sim_bug(deaf_to_rules_of_the_day machine_fold.c
  "if (rollout && claim->timing)" "if (false)")

# Several replicas of a shared ledger. Where only one world in thousands shows a bug, the search begins near one that does; as the
# simulator changes it only takes longer.
sim_bug(late_outcome_counts machine_fold.c
  "if (is_said_already(job, body))" "if (false)" --shared)
sim_bug(late_intent_counts machine_fold.c
  "if (is_intended_already(job, intent))" "if (false)" --shared --first 411)
sim_bug(puts_what_was_put machine_targets.c
  "job->appending && !may_be_sent(machine, job)" "job->appending" --shared --first 1801)
sim_bug(deaf_to_the_overruled machine_inherit.c
  "if (!machine->begun || machine_is_deletion(job))" "if (true)" --shared)
sim_bug(deaf_to_what_was_late machine_end.c
  "return machine->mode == ROLL_MACHINE_SETTLE && machine->own->stray && machine->own->ended;" "return false;" --shared --first 3051)

# One for each rule that none of those above breaks: two contents under a name, what is known is not what is durable, no end.
sim_bug(names_without_the_request machine_name.c
  "request_hash, target" "\"\", target")
sim_bug(fails_before_it_is_durable machine_outcome.c
  "job->phase = PHASE_RECORD;"
  "job->phase = PHASE_RECORD; if (!machine_succeeded(job->outcome->outcome)) machine_set_state(machine, job, ROLL_TARGET_FAILED);")
sim_bug(never_believes_a_404 machine_found.c
  "if (job->asked_boot_ms < job->believe_boot_ms)" "if (true)")

# What a target has to go through (steps.c).
sim_bug(skips_a_bake machine_targets.c
  "machine->own->order->bake_ms <= 0" "true")
sim_bug(takes_what_a_back_leaves_out machine_targets.c
  "return action->skip_on_back;" "return false;")
sim_bug(leaves_out_checks machine_targets.c
  "return step <= end ? step : -1;" "return step <= end && !machine_is_check(job, step) ? step : -1;")
sim_bug(leaves_out_actions machine_targets.c
  "return step <= end ? step : -1;"
  "step = MAX(step, (int64_t)action_count(job) + 1); return step <= end ? step : -1;")
sim_bug(sick_is_well machine_replies.c
  "machine_conclude(machine, job, \"failed\", \"Unhealthy\"," "machine_conclude(machine, job, \"succeeded\", \"Unhealthy\",")
sim_bug(unknown_action_is_well machine_ask.c
  "machine_conclude(machine, job, \"failed\", \"OutcomeUnknown\"," "machine_conclude(machine, job, \"succeeded\", NULL,")
sim_bug(waits_without_cancelling machine_ask.c
  "job->phase = PHASE_CANCEL;" "(void)0;")
sim_bug(fails_without_its_back machine_end.c
  "machine->own->order->back_on_failure &&" "false &&")
sim_bug(goes_back_unasked machine_end.c
  "machine->own->order->back_on_failure &&" "")
sim_bug(goes_back_from_nothing machine_end.c
  "&& machine->touched && machine_stopping" "&& machine_stopping")
sim_bug(stops_at_the_first_failure machine_targets.c
  "> (size_t)MAX(order->max_failures, 0)" "> 0")
sim_bug(a_back_stops_at_a_failure machine_targets.c
  "return order->lane != ROLL_LANE_ROLLBACK &&" "return")
sim_bug(every_gate_passes machine_wait.c
  "observation->verdict ? observation->verdict : \"error\"" "\"passed\"")
sim_bug(raises_no_floor machine_append.c
  ".floor = job->step == 0 ? job->target->floor : 0" ".floor = 0")

# Of several replicas, from the first seed on that comes across it.
sim_bug(actions_nobody_hears_of driver_behind.c
  "return intent && intent->step > 0;" "return false;" --shared --first 400)
sim_bug(says_otherwise driver_behind.c
  "roll_machine_may_differ(driver->machine, ended)" "false" --shared)
sim_bug(goes_on_behind_a_failed_check machine_fold.c
  "return ended || job->intended || body->step != job->step;"
  "return job->intended || body->step != job->step;" --shared --first 5330)
sim_bug(deaf_though_it_said_nothing driver.c
  "roll_ledger_set_aside(ledger, false);" "return NULL;" --shared --first 2770)
sim_bug(older_by_the_clock driver_chain.c
  "left->depth && right->depth" "false" --shared --first 4080)
sim_bug(deaf_when_taken_along driver_behind.c
  "aside && !roll_ledger_is_aside(driver->options->ledger)" "false" --shared --first 2680)
