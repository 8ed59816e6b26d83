"""The known keys of a model's entry: those whose feature is not built yet, and request fields.

The rule: as in `known.py`; a request field given here goes into the calls that lack it.
"""

from __future__ import annotations

from proxy.config.fields import table

REQUEST_FIELDS = table(
    flags="""
        add_generation_prompt ignore_eos include_reasoning logprobs parallel_tool_calls
        skip_special_tokens store stream
    """,
    integers="""
        dimensions max_completion_tokens max_tokens min_tokens n num_ctx num_predict seed top_k
        top_logprobs
    """,
    numbers="""
        frequency_penalty length_penalty min_p presence_penalty repetition_penalty temperature top_p
        typical_p
    """,
    texts="""
        encoding_format prompt_cache_key safety_identifier service_tier user verbosity
    """,
    maps="""
        audio chat_template_kwargs guided_json logit_bias prediction provider response_format
        stream_options web_search_options
    """,
    lists="""
        functions modalities plugins safety_settings tools transforms
    """,
    others="""
        documents format function_call guided_choice guided_grammar guided_regex input_type
        keep_alive options reasoning reasoning_effort reasoning_format stop think thinking
        tool_choice
    """,
)

PARAMS_LATER = table(
    flags="""
        allow_client_keepalive_override fireworks_forward_user_id
        merge_reasoning_content_in_choices use_chat_completions_api use_in_pass_through
        use_litellm_proxy use_xai_oauth valkey_ssl
    """,
    integers="""
        auto_router_max_input_chars default_api_key_rpm_limit default_api_key_tpm_limit itpm
        otpm rpd tpd valkey_port
    """,
    numbers="""
        keepalive_seconds max_file_size_mb
    """,
    texts="""
        adaptive_router_default_model auto_router_config auto_router_config_path
        auto_router_default_model auto_router_embedding_model auto_router_model_compression
        auto_router_routing_compression chatgpt_auth_file
        complexity_router_default_model daily_reset_time litellm_credential_name litellm_trace_id
        milvus_db_name milvus_text_field provider_affinity_header quality_router_default_model
        responses_api_version valkey_embedding_field valkey_host valkey_password valkey_text_field
        vector_store_id
    """,
    lists="""
        milvus_partition_names tag_regex
    """,
    maps="""
        adaptive_router_config complexity_router_config metadata model_info quality_router_config
        stream_timeout_by_service_tier timeout_by_service_tier
    """,
    others="""
        additional_drop_params allowed_openai_params anthropic_disable_workload_identity_federation
        anthropic_federation_rule_id anthropic_federation_workspace_id anthropic_identity_source
        anthropic_identity_token anthropic_identity_token_file anthropic_issuer_audience
        anthropic_issuer_signing_key_ref anthropic_issuer_subject anthropic_issuer_ttl_seconds
        anthropic_issuer_url anthropic_keycloak_auth_method anthropic_keycloak_client_id
        anthropic_keycloak_client_secret_ref anthropic_keycloak_scope anthropic_keycloak_token_url
        anthropic_organization_id anthropic_service_account_id aws_batch_role_arn
        aws_bedrock_control_plane_endpoint aws_bedrock_project_id aws_session_tags
        azure_password azure_username bedrock_tags bucket_name
        cache_control_injection_points caching
        configurable_clientside_auth_params gcs_bucket_name mock_response model_id no-log
        openai_identity_provider_id openai_identity_token_file openai_service_account_id
        s3_access_key_id s3_bucket_name s3_bucket_owner s3_encryption_key_id s3_endpoint_url
        s3_output_bucket_name s3_region_name s3_secret_access_key ssl_verify
        thought_signature_in_tool_call_id token_exchange_audience token_exchange_endpoint
        token_exchange_profile token_exchange_scope use_responses_api
        watsonx_region_name
    """,
)

INFO_LATER = table(
    flags="""
        allow_fail_open db_model discoverable enable_tag_filtering enforce_supported_endpoints
        internal_router_model member_auto_router
        supports_computer_use supports_embedding_image_input
        supports_native_streaming supports_parallel_function_calling
        supports_prompt_caching supports_reasoning
        supports_system_messages supports_tool_choice supports_url_context
    """,
    integers="""
        ptu_count
    """,
    numbers="""
        cost_per_ptu_per_hour
    """,
    texts="""
        created_by pricing_provider team_id team_public_model_name updated_by
    """,
    lists="""
        access_windows
    """,
    maps="""
        ptu_shares
    """,
    others="""
        allowed_fails_policy created_at
        litellm_provider
        max_embedding_batch_size max_tokens
        ptu_effective_from ptu_effective_to supported_environments tier updated_at
    """,
)

PRICES_LATER = table(
    others="""
        annotation_cost_per_page annotation_cost_per_page_batches
        cache_creation_input_audio_token_cost cache_creation_input_token_cost_above_12hr
        cache_creation_input_token_cost_above_12hr_above_272k_tokens
        cache_creation_input_token_cost_above_12hr_above_272k_tokens_batches
        cache_creation_input_token_cost_above_12hr_above_272k_tokens_flex
        cache_creation_input_token_cost_above_12hr_above_272k_tokens_priority
        cache_creation_input_token_cost_above_12hr_above_272k_tokens_ultrafast
        cache_creation_input_token_cost_above_12hr_batches
        cache_creation_input_token_cost_above_12hr_flex
        cache_creation_input_token_cost_above_12hr_priority
        cache_creation_input_token_cost_above_12hr_ultrafast cache_read_input_audio_token_cost
        cache_read_input_audio_token_cost_batches cache_read_input_audio_token_cost_flex
        cache_read_input_audio_token_cost_priority cache_read_input_image_token_cost
        citation_cost_per_token cost_per_second explicit_cache_read_input_token_cost
        google_maps_grounding_cost_per_query input_cost_per_audio_per_second
        input_cost_per_audio_per_second_above_128k_tokens input_cost_per_character
        input_cost_per_character_above_128k_tokens input_cost_per_pixel input_cost_per_text_message
        input_cost_per_video_per_second input_cost_per_video_per_second_above_128k_tokens
        input_cost_per_video_per_second_above_15s_interval
        input_cost_per_video_per_second_above_8s_interval input_cost_per_video_token
        input_cost_per_video_token_batches ocr_cost_per_credit ocr_cost_per_page
        ocr_cost_per_page_batches output_cost_per_audio_per_second output_cost_per_character
        output_cost_per_character_above_128k_tokens output_cost_per_image_1024
        output_cost_per_image_1536 output_cost_per_image_512 output_cost_per_pixel
        output_cost_per_second_1080p output_cost_per_second_2k output_cost_per_second_480p
        output_cost_per_second_4k output_cost_per_second_720p output_cost_per_second_768p
        output_cost_per_video_per_second output_cost_per_video_token output_vector_size
        regional_endpoint_uplift_multiplier regional_processing_uplift_multiplier_eu
        regional_processing_uplift_multiplier_us search_context_cost_per_query
        search_queries_cost_per_query tiered_pricing
    """,
)
