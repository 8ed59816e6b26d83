"""The known keys of the sections whose feature is not built yet.

The rule: this is the one place that says what is not active. To make a key active, give it a field
in `schema.py` and take its name out of the table here; a test holds the two apart. The tables of a
model's own keys are in `known_models.py`.
"""

from __future__ import annotations

from proxy.config.fields import table

TOP_LATER = table(
    others="""
        assistant_settings credential_list default_vertex_config files_settings
        finetune_settings guardrails mcp_servers policies policy_attachments prompts sandbox_tools
        search_tools worker_registry
    """,
)

ROUTER_LATER = table(
    flags="""
        enable_weighted_failover fallback_on_unsupported_params
        ignore_invalid_deployments session_affinity_repin_on_failover
    """,
    integers="""
        client_ttl default_priority
    """,
    numbers="""
        polling_interval
    """,
    lists="""
        caching_groups
        guardrail_list model_list plugins routing_groups search_tools
    """,
    maps="""
        default_litellm_params model_group_affinity_config
    """,
    others="""
        alerting_config assistants_config auto_router_capability_limit
        debug_level fallback_access_check fallback_budget_check
        router_general_settings
    """,
)

LITELLM_LATER = table(
    flags="""
        add_user_information_to_llm_headers
        budget_rollover disable_add_user_agent_to_request_tags disable_aiohttp_transport
        disable_hf_tokenizer_download disable_streaming_logging disable_token_counter
        enable_anthropic_prompt_caching enable_azure_ad_token_refresh
        enable_caching_on_provider_specific_optional_params
        enable_json_schema_validation
        enable_preview_features expose_router_debug_in_errors filter_invalid_headers force_ipv4
        gemini_include_thoughts_default
        global_disable_no_log_param http2 include_cost_in_streaming_usage
        langfuse_enable_update_trace_keys log_raw_request_response modify_params network_mock
        overwrite_user_with_key_hash
        prometheus_initialize_budget_metrics reasoning_auto_summary redact_messages_in_exceptions
        redact_user_api_key_info
        route_all_chat_openai_to_responses store_audit_logs telemetry
        use_aiohttp_transport user_url_validation validate_end_user_id_in_db
    """,
    integers="""
        num_retries_per_request
    """,
    numbers="""
        anthropic_sse_ping_interval_seconds budget_exceeded_throttle_percentage
        default_in_memory_ttl default_redis_ttl default_soft_budget
        max_ui_session_budget max_user_budget
        prometheus_end_user_metrics_ttl_seconds sse_keepalive_ping_interval_seconds
    """,
    texts="""
        model_cost_map_url
    """,
    lists="""
        default_team_settings extra_spend_tag_headers
        public_model_groups user_url_allowed_hosts
    """,
    maps="""
        cost_discount_config cost_margin_config
        model_alias_map priority_reservation
        tag_budget_config
    """,
    others="""
        anthropic_prompt_caching_ttl audit_log_callbacks budget_reset_time
        custom_provider_map default_max_internal_user_budget default_team_params
        global_bitbucket_config global_gitlab_config global_prompt_directory
        guardrails key_alias_pattern key_generation_settings model_group_settings post_call_rules
        priority_reservation_settings reasoning_effort_rounding responses service_callback
        suppress_startup_output
    """,
)

GENERAL_LATER = table(
    flags="""
        accounting_sync_ack agent_access_default_deny allow_cli_sso_verification_uri_complete
        allow_client_side_credentials allow_requests_on_db_unavailable allow_unmanaged_response_ids
        allow_user_auth always_include_stream_usage
        auto_redirect_ui_login_to_sso cancel_on_disconnect
        claude_code_marketplace_auth_required custom_auth_run_common_checks
        database_disable_prepared_statements default_team_disabled
        disable_auto_add_proxy_admin_to_teams disable_budget_reservation disable_custom_api_keys
        disable_env_credential_login disable_error_logs
        disable_fallbacks_on_per_model_rate_limits
        disable_key_generate_for_org_admin disable_master_key_return disable_model_info_refresh
        disable_password_login_when_sso_enabled disable_prisma_schema_update
        disable_requester_ip_address_logging disable_reset_budget disable_responses_id_security
        disable_retry_on_max_parallel_request_limit_error disable_spend_logs disable_spend_updates
        enable_claude_code_gateway enable_drain_endpoint
        enable_openai_websocket_passthrough enable_public_model_hub
        enforce_rbac expose_fallback_errors_to_caller
        fail_closed_budget_enforcement fail_closed_rate_limit_enforcement
        forward_client_headers_to_llm_api forward_llm_provider_auth_headers forward_openai_org_id
        health_check_skip_disabled_background_models
        include_call_id_in_error_body infer_model_from_keys mcp_prefer_client_id_metadata_document
        mcp_require_explicit_server_scope model_list_healthy_only otel
        password_policy_require_lowercase password_policy_require_numbers
        password_policy_require_special_characters password_policy_require_uppercase
        reject_clientside_metadata_tags return_wildcard_routes search_tool_deny_by_default
        store_model_in_db use_azure_key_vault use_google_kms
        use_redis_transaction_buffer use_shared_health_check use_spend_logs_partitioning
        user_url_validation vector_store_deny_by_default
    """,
    integers="""
        database_connection_pool_limit failed_login_block_seconds
        failed_login_window_seconds
        max_batch_file_records max_batch_file_size_mb
        max_batch_file_uploads_per_day max_failed_login_attempts_per_source
        max_file_downloads_per_minute max_file_size_mb max_in_flight_requests_per_worker
        max_parallel_requests max_queued_requests_per_worker max_response_size_mb
        maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_max_batches
        mcp_xff_num_trusted_hops password_policy_min_length proxy_config_reload_interval_seconds
    """,
    numbers="""
        accounting_sync_ack_timeout_seconds admission_queue_timeout_seconds database_connect_timeout
        database_connection_timeout database_max_idle_connection_lifetime database_socket_timeout
        pass_through_request_timeout responses_websocket_session_limit_seconds
    """,
    texts="""
        completion_model control_plane_url custom_auth
        maximum_autorouter_session_retention_period maximum_daily_tag_spend_retention_period
        maximum_health_check_retention_period maximum_spend_logs_cleanup_batch_timeout
        maximum_spend_logs_cleanup_run_budget maximum_spend_logs_cleanup_target_size
        maximum_spend_logs_size
        maximum_spend_logs_size_check_interval mcp_client_id_header
    """,
    lists="""
        allowed_file_extensions allowed_routes
        blocked_file_extensions mcp_allowed_clients
        mcp_internal_ip_ranges mcp_required_fields mcp_trusted_proxy_ranges pass_through_endpoints
        plugins provider_url_destination_allowed_hosts request_tag_mappings supported_db_objects
        transcribe_media_buckets user_url_allowed_hosts
        vertex_ai_pass_through_drop_anthropic_betas
    """,
    maps="""
        claude_code_gateway_managed_settings
        database_extra_connection_params max_failed_login_attempts_per_source_overrides
    """,
    others="""
        accounting_capture accounting_sync_ack_failure_policy admin_only_routes alert_type_config
        coordination_redis custom_key_generate custom_key_update custom_sso
        custom_ui_sso_sign_in_handler database_args database_connection_pool_timeout database_type
        drain_endpoint_token enforced_params key_management_settings key_management_system
        litellm_license maximum_spend_logs_cleanup_cron
        mcp_advertised_versions
        mcp_client_side_auth_header_name mcp_disabled_capabilities missing_session_id
        proxy_batch_write_at proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time
        public_routes role_permissions scheduled_job_stagger self_serve_budget_policy
        service_account_settings spend_capture_rate_check spend_logs_metadata_fields
        spend_report_frequency token_rate_limit_type ui_access_mode user_api_key_cache_ttl
        user_mcp_management_mode
    """,
)
